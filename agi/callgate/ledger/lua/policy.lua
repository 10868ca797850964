#!lua flags=no-writes
-- Read one policy revision. Changes nothing.
--
-- KEYS     the clinic's nine keys (start.lua)
-- ARGV[1]  the sighting (start.lua)
-- ARGV[2]  its number, or 0 for the one in force
--
-- Replies
--   POLICY document   ledger/revisions.PolicyRevision as JSON
--   NONE              there is no such revision

local wanted = sound(tonumber(ARGV[2]))
local document = redis.call('HGET', POLICIES, digits(wanted > 0 and wanted or revision))
if document then return show({'POLICY', document}) end
return show({'NONE'})
