#!lua
-- Hear that a gate has restored all it has; thaw once nothing is missing and each gate that is known to have lost something
-- has said so, or nobody is waited for any longer.
--
-- KEYS     the clinic's nine keys (start.lua)
-- ARGV[1]  the sighting (start.lua)
-- ARGV[2]  how many different lost numbers this gate has restored
-- ARGV[3]  the highest of them, 0 for none
-- ARGV[4]  micros to book for each number that is missing
-- ARGV[5]  seconds since the last news for which other gates are waited for; a day: this gate says only that it will
--          restore what it has
--
-- Replies
--   THAWED missing booked   the numbers that nobody restored, and the micros booked for them
--   FROZEN missing 0        so many are missing yet
--
-- After a thaw the numbers between the highest lost one and the ledger's next are no change's, and those that were missing
-- below are booked. Its own change says how many they are ('gap'), so that a later loss does not look for them.

-- Above every ceiling (core/money.AMOUNT_MAX_MICROS).
local BOOKED_MAX_MICROS = 1000000000000
local GREETING_S = 86400
-- 64 epochs.
local FORMER_MAX = 64 * 17
-- However much news there is, gates are waited for no longer than this, or their own patience.
local WAITED_S = 60

local function book_missing(amount, each)
  -- What is lost after the same number again is added to what was booked for it before, whether or not that is restored.
  local id = missing_after(loss.base)
  local known, bases = load_hold(id), priced_bases()
  local record = ending(id, 'settled', amount + (known and known.amount or 0))
  record.month, record.purses = known and known.month or this_month(), {{'costly', false}}
  record.posts = known and {unpack(known.posts)} or {}
  table.insert(record.posts, {now, amount, loss.highest, each, loss.epoch})
  turn(id, known, record)
  if not known then table.insert(bases, loss.base) end
  keep('priced', cmsgpack.pack(bases))
end

local covered, highest, each, patience
  = sound(tonumber(ARGV[2])), sound(tonumber(ARGV[3])), sound(tonumber(ARGV[4])), sound(tonumber(ARGV[5]))
if not loss then return finish({'THAWED', 0, 0}) end
if highest > loss.base + NUMBERS_SKIPPED then refuse('highest') end

local gate, before = sighting.gate, loss.restored[sighting.gate] or 0
-- What was worked out before this loss was known says nothing of it.
local is_greeting = patience >= GREETING_S or cause or (loss.said[gate] == nil and covered > 0)
if is_greeting then
  if loss.said[gate] == nil then loss.word, loss.said[gate] = now, false end
else
  if not loss.said[gate] or covered > before then loss.word = now end
  loss.said[gate], loss.restored[gate] = true, math.max(before, covered)
end
loss.highest = math.max(loss.highest, highest)
local missing = loss.highest - loss.base
for _, restored in pairs(loss.restored) do missing = missing - restored end
for last, gap in pairs(loss.gaps) do
  local skipped, booked = unpack(gap)
  missing = missing - booked - (tonumber(last) < loss.highest and skipped or 0)
end
missing = math.max(0, missing)
local is_awaited = false
for _, has_said in pairs(loss.said) do is_awaited = is_awaited or not has_said end
local is_in_time = now - loss.word < patience and now - loss.since < math.max(patience, WAITED_S)
if is_greeting or ((missing > 0 or is_awaited) and is_in_time) then
  keep_loss()
  return finish({'FROZEN', missing, 0})
end

local booked = math.min(missing * each, BOOKED_MAX_MICROS)
if missing > 0 then book_missing(booked, each) end
local gap = {'gap', loss.resumed, loss.resumed - math.max(loss.highest, loss.base), missing}
-- Its numbers were another ledger's, or many more are lost than were looked for: only what was skipped is sure.
if loss.cause == 'replaced' or loss.resumed ~= loss.base + NUMBERS_SKIPPED then
  gap = {'gap', loss.resumed, NUMBERS_SKIPPED, 0}
end
if loss.cause == 'replaced' then keep('former', string.sub(former_epochs() .. ' ' .. loss.epoch, -FORMER_MAX)) end
local entries = save_turned()
table.insert(entries, gap)
loss = nil
keep('loss', '')
return finish({'THAWED', missing, booked}, entries)
