#!lua
-- End a hold whose call never was: its grant did not reach the dialplan.
--
-- KEYS     the clinic's nine keys (start.lua)
-- ARGV[1]  the sighting (start.lua)
-- ARGV[2]  hold id
--
-- Replies: a state and the micros that stay booked
--   done 0           it was live; the money is free again
--   already amount   it had ended; nothing changes (one that lapsed stays booked until a settlement says less)
--   orphan 0         unknown: a tombstone is laid, so that a hold overtaken by its void is never granted
--   too_old 0        unknown, and older than the ledger remembers

local id = ARGV[2]
local record = load_hold(id)

if not record and too_old(id) then return finish({'too_old', 0}) end
if record and record.state ~= 'live' then return tell_of({'already', record.amount}, id, record) end

turn(id, record, ending(id, 'void', 0, record))
return finish({record and 'done' or 'orphan', 0}, save_turned())
