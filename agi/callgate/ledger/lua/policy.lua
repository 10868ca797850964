#!lua flags=no-writes
-- Read one policy revision. Changes nothing.
--
-- KEYS     the clinic's eight keys (start.lua)
-- ARGV[1]  its number, or 0 for the one in force
--
-- Replies
--   POLICY document   ledger/revisions.PolicyRevision as JSON
--   NONE              there is no such revision

local number = sound(tonumber(ARGV[1]))
local document = redis.call('HGET', POLICIES, digits(number > 0 and number or revision))
if document then return {'POLICY', document} end
return {'NONE'}
