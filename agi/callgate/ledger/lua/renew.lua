#!lua
-- Set money aside for the next slice of a live hold, or say which limits forbid it.
--
-- KEYS     the clinic's nine keys (start.lua)
-- ARGV[1]  the sighting (start.lua)
-- ARGV[2]  core/hold.RenewRequest as MessagePack, fields by name: micros, seconds
--
-- Replies: as hold.lua; GONE if the hold is not live, or the number is neither the next one nor the last; all amounts and
-- seconds are those of the whole call

-- A request lists 8 at most, but a call may be in hours, then out of them, and joined to another party.
local PURSES_IN_ALL_MAX = 16

local request = sound(cmsgpack.unpack(ARGV[2]))

local function next_offer(record, so_far)
  if request.seconds <= record.seconds then return {seconds = record.seconds, is_final = true}, record.amount end
  local offer = next_slice(record.rate, request, record.seconds)
  if request.partial then
    offer = cut(record.rate, offer, record.seconds, budget(request.purses, record.month, so_far))
  end
  return offer, price(record.rate, offer.covered)
end

-- The purses of a hold, and those that it did not list: they count the whole call from now on.
local function all_purses(record, so_far)
  local purses = {unpack(record.purses)}
  for _, purse in ipairs(request.purses) do
    if not so_far.purses[purse.name] then table.insert(purses, listed(purse)) end
  end
  if #purses > PURSES_IN_ALL_MAX then refuse('purses') end
  return purses
end

local function renew(record)
  local so_far = {amount = record.amount, purses = {}}
  for _, purse in ipairs(record.purses) do so_far.purses[purse[1]] = true end
  local purses = all_purses(record, so_far)
  local offer, amount = next_offer(record, so_far)
  local denials, alarms = {}, {}
  for _, purse in ipairs(request.purses) do
    test_purse(purse, record.month, amount, so_far, function(enforced, ...)
      table.insert(enforced and denials or alarms, {...})
    end)
  end
  if #denials > 0 then return finish({'DENIED', denials}) end

  local renewed = unpacked(packed(record))
  renewed.sequence, renewed.amount, renewed.seconds, renewed.is_final = number, amount, offer.seconds, offer.is_final
  renewed.alarms, renewed.renewals, renewed.purses = alarms, request.number, purses
  renewed.score = record.held_at + offer.seconds + request.grace_s
  turn(request.hold_id, record, renewed)
  return finish(held(renewed), save_turned())
end

local record = load_hold(request.hold_id)
if not record or record.state ~= 'live' then return finish({'GONE'}) end
if request.number == record.renewals then return tell_of(held(record), request.hold_id, record) end
if request.number ~= record.renewals + 1 then return finish({'GONE'}) end
if loss and record.costly then return finish({'FROZEN', frozen()}) end
if request.policy_revision > 0 and revision > 0 and request.policy_revision ~= revision then
  return finish({'STALE', revision})
end
return renew(record)
