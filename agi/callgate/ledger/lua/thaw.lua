#!lua
-- Hear that a gate has restored all it has; thaw once nothing is missing, or nobody is waited for any longer.
--
-- KEYS     the clinic's nine keys (start.lua)
-- ARGV[1]  the sighting (start.lua)
-- ARGV[2]  how many different lost numbers this gate has restored
-- ARGV[3]  the highest of them, 0 for none
-- ARGV[4]  micros to book for each number that is missing
-- ARGV[5]  seconds from the freeze on for which other gates are waited for
--
-- Replies
--   THAWED missing booked   the numbers that nobody restored, and the micros booked for them
--   FROZEN missing 0        so many are missing yet
--
-- After a thaw the numbers between the highest lost one and the ledger's next are no change's, and those that were missing
-- below are booked. Its own change says how many they are ('gap'), so that a later loss does not look for them.

-- Above every ceiling (core/money.AMOUNT_MAX_MICROS).
local BOOKED_MAX_MICROS = 1000000000000

-- The month of ledger time in UTC, as "2026-11": days since 0000-03-01, whose years end with the leap day.
local function this_month()
  local days = math.floor(now / 86400) + 719468
  local era = math.floor(days / 146097)
  local day = days - era * 146097
  local year = math.floor((day - math.floor(day / 1460) + math.floor(day / 36524) - math.floor(day / 146096)) / 365)
  local day_of_year = day - (365 * year + math.floor(year / 4) - math.floor(year / 100))
  local from_march = math.floor((5 * day_of_year + 2) / 153)
  local month = from_march < 10 and from_march + 3 or from_march - 9
  return string.format('%04d-%02d', year + era * 400 + (month <= 2 and 1 or 0), month)
end

local function book_missing(amount)
  local id = 'missing:' .. epoch .. ':' .. digits(loss.resumed)
  local record = ending(id, 'settled', amount, false)
  record.month, record.purses, record.posts = this_month(), {{'costly', false}}, {{now, amount}}
  turn(id, nil, record)
end

local covered, highest, each, patience
  = sound(tonumber(ARGV[2])), sound(tonumber(ARGV[3])), sound(tonumber(ARGV[4])), sound(tonumber(ARGV[5]))
if not loss then return finish({'THAWED', 0, 0}) end
if highest > loss.base + NUMBERS_SKIPPED then refuse('highest') end

loss.restored[sighting.gate] = covered
loss.highest = math.max(loss.highest, highest)
local missing = loss.highest - loss.base
for _, restored in pairs(loss.restored) do missing = missing - restored end
for last, gap in pairs(loss.gaps) do
  local skipped, booked = unpack(gap)
  missing = missing - booked - (tonumber(last) < loss.highest and skipped or 0)
end
missing = math.max(0, missing)
if missing > 0 and now - loss.since < patience then
  keep_loss()
  return finish({'FROZEN', missing, 0})
end

local booked = math.min(missing * each, BOOKED_MAX_MICROS)
if missing > 0 then book_missing(booked) end
local gap = {'gap', loss.resumed, loss.resumed - math.max(loss.highest, loss.base), missing}
-- Its numbers were another ledger's, or many more are lost than were looked for: only what was skipped is sure.
if loss.cause == 'replaced' or loss.resumed ~= loss.base + NUMBERS_SKIPPED then
  gap = {'gap', loss.resumed, NUMBERS_SKIPPED, 0}
end
local entries = save_turned()
table.insert(entries, gap)
loss = nil
keep('loss', '')
return finish({'THAWED', missing, booked}, entries)
