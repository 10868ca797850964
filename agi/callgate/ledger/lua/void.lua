#!lua
-- End a hold whose call never was: its grant did not reach the dialplan.
--
-- KEYS     the clinic's eight keys (start.lua)
-- ARGV[1]  hold id
--
-- Replies: a state and the micros that stay booked
--   done 0           it was live; the money is free again
--   already amount   it had ended; nothing changes (one that lapsed stays booked until a settlement says less)
--   orphan 0         unknown: a tombstone is laid, so that a hold overtaken by its void is never granted
--   too_old 0        unknown, and older than the ledger remembers

local id = ARGV[1]
local record = load_hold(id)

if not record and too_old(id) then return {'too_old', 0} end
if record and record.state ~= 'live' then return {'already', record.amount} end

if record then
  release(record)
  save_accounts()
end
save_ended(id, {state = 'void', amount = 0, starts = record and record.starts or false})
stamp()
return {record and 'done' or 'orphan', 0}
