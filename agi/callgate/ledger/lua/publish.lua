#!lua
-- Put a policy revision in force. Revisions are only ever added.
--
-- KEYS     the clinic's eight keys (start.lua)
-- ARGV[1]  revision that the publisher believes is in force, 0 for none
-- ARGV[2]  number of the new revision, higher than ARGV[1]
-- ARGV[3]  the revision, ledger/revisions.PolicyRevision as JSON
--
-- Replies
--   PUBLISHED number   it is in force; also for the same revision again
--   OUTDATED number    another one is in force: read it first

local expected, number = sound(tonumber(ARGV[1])), sound(tonumber(ARGV[2]))
if number <= expected then refuse('revision') end

if revision == number and redis.call('HGET', POLICIES, digits(number)) == ARGV[3] then return {'PUBLISHED', number} end
if revision ~= expected then return {'OUTDATED', revision} end
redis.call('HSET', POLICIES, digits(number), ARGV[3])
redis.call('HSET', META, 'revision', digits(number))
stamp()
return {'PUBLISHED', number}
