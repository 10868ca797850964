#!lua flags=no-writes
-- Read the latest policy revisions. Changes nothing.
--
-- KEYS     the clinic's nine keys (start.lua)
-- ARGV[1]  the sighting (start.lua)
-- ARGV[2]  at most this many, 1 to 1000
--
-- Reply
--   POLICIES documents   newest first, ledger/revisions.PolicyRevision as JSON

local limit, numbers, documents = sound(tonumber(ARGV[2])), {}, {}
for _, each in ipairs(redis.call('HKEYS', POLICIES)) do table.insert(numbers, tonumber(each)) end
table.sort(numbers, function(left, right) return left > right end)
for position = 1, math.min(limit, #numbers) do
  documents[position] = redis.call('HGET', POLICIES, digits(numbers[position]))
end
return show({'POLICIES', documents})
