#!lua
-- Put a policy revision in force. Revisions are only ever added.
--
-- KEYS     the clinic's nine keys (start.lua)
-- ARGV[1]  the sighting (start.lua)
-- ARGV[2]  revision that the publisher believes is in force, 0 for none
-- ARGV[3]  number of the new revision, higher than ARGV[2]
-- ARGV[4]  the revision, ledger/revisions.PolicyRevision as JSON
--
-- Replies
--   PUBLISHED revision   it is in force; also for the same revision again
--   OUTDATED revision    another one is in force: read it first

local expected, wanted, document = sound(tonumber(ARGV[2])), sound(tonumber(ARGV[3])), ARGV[4]
if wanted <= expected then refuse('revision') end

local reply, entries = {'PUBLISHED', wanted}, {{'policy', wanted, document}}
if revision == wanted and redis.call('HGET', POLICIES, digits(wanted)) == document then
  return tell(reply, tonumber(state.published) or 0, entries)
end
if revision ~= expected then return finish({'OUTDATED', revision}) end
redis.call('HSET', POLICIES, digits(wanted), document)
keep('revision', digits(wanted))
keep('published', digits(number))
return finish(reply, entries)
