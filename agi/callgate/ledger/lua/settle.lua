#!lua
-- Book what a call really cost, and end its hold.
--
-- KEYS     the clinic's eight keys (start.lua)
-- ARGV[1]  ledger/base.Settlement as MessagePack, fields by name: whole seconds, micros, None as nil
--
-- Replies: a state and the micros booked for the hold
--   done amount      it was live, or had lapsed and is now corrected
--   already amount   it was settled before, or voided and nobody answered; nothing changes
--   orphan amount    the ledger never held it, or not any more: booked as the settlement says, 0 if it says nothing
--   too_old 0        unknown, and older than the ledger remembers; nothing is booked

local settlement = sound(cmsgpack.unpack(ARGV[1]))
local id = settlement.hold_id

local function settle_orphan()
  local amount = 0
  if settlement.orphan and settlement.answered then
    amount = settlement.orphan.amount_micros
    for _, name in ipairs(settlement.orphan.purses) do post({name = name}, amount, settlement.orphan.month, now) end
  end
  save_accounts()
  save_ended(id, {state = 'settled', amount = amount, starts = false})
  stamp()
  return {'orphan', amount}
end

local function settle_held(record)
  local cost = settlement.answered and price(record.rate, settlement.duration_s) or 0
  if record.state == 'live' then
    release(record)
    post_hold(record, cost, now)
  else
    -- It lapsed and was booked in full: a refund belongs where that was booked, an increase is spent now.
    local change = cost - record.amount
    post_hold(record, change, change < 0 and record.posted or now)
  end
  save_accounts()
  save_ended(id, {state = 'settled', amount = cost, starts = record.starts})
  stamp()
  return {'done', cost}
end

local record = load_hold(id)
if not record then
  if too_old(id) then return {'too_old', 0} end
  return settle_orphan()
end
-- A call that talked although its hold was voided (its confirmation was lost) or superseded is booked all the same.
if record.state == 'void' and settlement.answered and settlement.orphan then return settle_orphan() end
if record.state == 'settled' or record.state == 'void' then return {'already', record.amount} end
return settle_held(record)
