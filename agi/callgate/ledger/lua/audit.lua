#!lua flags=no-writes
-- Work the books out again from the records. Changes nothing.
--
-- KEYS     the clinic's nine keys (start.lua)
-- ARGV[1]  the sighting (start.lua)
--
-- Reply
--   AUDIT sequence records findings
--     findings   list of {place, what the records say, what the balance says}, in no order, at most 1000

local FINDINGS_MAX = 1000

local findings = {}
local function compare(place, expected, found)
  if expected ~= found and #findings < FINDINGS_MAX then table.insert(findings, {place, expected, found}) end
end

local records = all_records()
local expected = recount(records)
for _, name in ipairs(redis.call('HKEYS', BOOKS)) do expected[name] = expected[name] or new_account() end
for name, entry in pairs(expected) do
  local balance = account(name)
  compare(name .. ' live', entry.live, balance.live)
  compare(name .. ' held', entry.held, balance.held)
  for window in pairs(RINGS) do compare(name .. ' ' .. window, spent(entry, window), spent(balance, window)) end
end

local total, live = 0, 0
for id, record in pairs(records) do
  local is_live = record.state == 'live'
  total, live = total + 1, live + (is_live and 1 or 0)
  compare(id .. (is_live and ' live' or ' ended'), record.score,
    tonumber(redis.call('ZSCORE', is_live and LIVE or ENDED, id) or 0))
end
compare('live', live, redis.call('ZCARD', LIVE))
compare('ended', total - live, redis.call('ZCARD', ENDED))
return show({'AUDIT', sequence, total, findings})
