#!lua
-- Book what a call really cost, and end its hold.
--
-- KEYS     the clinic's nine keys (start.lua)
-- ARGV[1]  the sighting (start.lua)
-- ARGV[2]  ledger/base.Settlement as MessagePack, fields by name: whole seconds, micros, None as nil
--
-- Replies: a state and the micros booked for the hold
--   done amount      it was live, or had lapsed and is now corrected
--   overrun amount   the same, and it cost more than was held for it, renewals and all
--   already amount   it was settled before, or voided and nobody answered; nothing changes
--   orphan amount    the ledger never held it, or not any more: booked as the settlement says, 0 if it says nothing
--   too_old 0        unknown, and older than the ledger remembers; nothing is booked

local settlement = sound(cmsgpack.unpack(ARGV[2]))
local id = settlement.hold_id

local function settle_orphan(before)
  local charge = settlement.answered and settlement.orphan or nil
  local after = ending(id, 'settled', charge and charge.amount_micros or 0, before)
  after.starts = false
  -- The hold may have been lost, and come back: it says what the call costs, and where that counts.
  after.seconds = settlement.answered and settlement.duration_s or 0
  if charge then
    after.month, after.posts = believed(charge.month), {{now, after.amount}}
    for _, name in ipairs(charge.purses) do table.insert(after.purses, {name, false}) end
  end
  turn(id, before, after)
  return finish({'orphan', after.amount}, save_turned())
end

local function settle_held(before)
  local cost = settlement.answered and price(before.rate, settlement.duration_s) or 0
  local after = ending(id, 'settled', cost, before)
  after.month, after.purses = before.month, before.purses
  after.posts = {{now, cost}}
  if before.state == 'lapsed' then
    -- It was booked in full: a refund belongs where that was booked, an increase is spent now.
    local lapsed_at, booked = unpack(before.posts[1])
    after.posts = cost <= booked and {{lapsed_at, cost}} or {{lapsed_at, booked}, {now, cost - booked}}
  end
  turn(id, before, after)
  return finish({cost > before.amount and 'overrun' or 'done', cost}, save_turned())
end

local record = load_hold(id)
if not record then
  if too_old(id) then return finish({'too_old', 0}) end
  return settle_orphan()
end
-- A call that talked although its hold was voided (its confirmation was lost) or superseded is booked all the same.
if record.state == 'void' and settlement.answered and settlement.orphan then return settle_orphan(record) end
if record.state == 'settled' or record.state == 'void' then return tell_of({'already', record.amount}, id, record) end
return settle_held(record)
