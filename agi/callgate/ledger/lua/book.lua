#!lua flags=no-writes
-- Show the whole ledger of a clinic. Changes nothing.
--
-- KEYS     the clinic's nine keys (start.lua)
-- ARGV[1]  the sighting (start.lua)
--
-- Reply
--   BOOK now ahead epoch frozen sequence revision purses holds
--     now      ledger second
--     ahead    seconds that the server's own clock is ahead of it
--     purses   list of {name, live holds, held, hour, day, week, total, list of {month, spent}}, micros, in no order
--     holds    list of {id, seconds granted, held micros, ledger second at which it lapses, renewals}, live, in no order

local purses, holds = {}, {}
for _, name in ipairs(redis.call('HKEYS', BOOKS)) do
  local entry, months = account(name), {}
  for month, amount in pairs(entry.months) do table.insert(months, {month, amount}) end
  table.insert(purses, {
    name, entry.live, entry.held, spent(entry, 'hour'), spent(entry, 'day'), spent(entry, 'week'), entry.total, months,
  })
end
local live = redis.call('ZRANGE', LIVE, '0', '-1', 'WITHSCORES')
for position = 1, #live, 2 do
  local record = load_hold(live[position])
  table.insert(holds, {live[position], record.seconds, record.amount, tonumber(live[position + 1]), record.renewals})
end
return show({'BOOK', now, server_now - now, epoch, frozen(), sequence, revision, purses, holds})
