#!lua
-- Set ledger time by hand.
--
-- KEYS     the clinic's nine keys (start.lua)
-- ARGV[1]  the sighting (start.lua)
-- ARGV[2]  the second to set it to, '' for the server's own
--
-- Reply
--   SET before after   ledger seconds

local before, after = now, ARGV[2] == '' and server_now or sound(tonumber(ARGV[2]))
now = after
if after < before then
  -- Buckets that had left their windows are in them again; the records still say what was spent.
  local expected = recount(all_records())
  for _, name in ipairs(redis.call('HKEYS', BOOKS)) do
    local entry, recounted = account_to_change(name), expected[name] or new_account()
    for window in pairs(RINGS) do entry[window] = recounted[window] end
  end
  save_accounts()
  -- Else what the machines have proven would bring it up again at once.
  taken = taken + before - after
  keep('taken', digits(taken))
end
-- Nothing was proven: the rest before the next leap stays as long as it was.
if leap then keep('leap', digits(leap + after - before)) end
return finish({'SET', before, after}, {})
