#!lua
-- Set money aside for one call, or say which limits forbid it.
--
-- KEYS     the clinic's nine keys (start.lua)
-- ARGV[1]  the sighting (start.lua)
-- ARGV[2]  core/hold.HoldRequest as MessagePack, fields by name: micros, seconds, None as nil
-- ARGV[3]  fingerprint of the request without its policy revision
--
-- Replies
--   HELD seconds amount_micros is_final alarms   is_final is 0 or 1; also for the same request again, which changes
--                                                nothing
--   DENIED limits                                nothing is written
--   GONE                                         the id has ended, or names another call
--   FROZEN cause                                 the ledger has lost entries, and the call is costly
--   STALE revision                               another policy revision is in force
-- alarms and limits are lists of {'money', purse, window, micros left, seconds until it may reopen or 0},
-- {'lines', purse}, {'starts', velocity, seconds until it may reopen or 0} and {'novelty', name}.

local request, fingerprint = sound(cmsgpack.unpack(ARGV[2])), ARGV[3]
local rate, month = rate_of(request), believed(request.month)

-- All that the change of `record` did, read back, so that a repeated request tells it again.
local function entries_of(record)
  local entries = {entry_of(request.hold_id, record)}
  local previous = load_hold(request.supersedes)
  if previous and previous.sequence == record.sequence then
    table.insert(entries, entry_of(request.supersedes, previous))
  end
  for _, velocity in ipairs(request.velocities) do
    for _, start in ipairs(recent(velocity)) do
      if start[3] == record.sequence then table.insert(entries, start_entry(velocity, start)) end
    end
  end
  if request.novelty ~= '' then table.insert(entries, {'novelty', request.novelty}) end
  return entries
end

local function answer_known(record)
  if record.state == 'live' and record.fingerprint == fingerprint then
    return tell(held(record), record.sequence, entries_of(record))
  end
  return finish({'GONE'})
end

local NOTHING = {amount = 0, purses = {}}

-- What can be held, and its price.
local function best_offer()
  if request.slice_s and not request.costly then
    return {seconds = request.seconds, is_final = true}, price(rate, request.slice_s)
  end
  local offer = request.slice_s and next_slice(rate, request, 0) or whole_call(rate, request)
  if request.partial then offer = cut(rate, offer, 0, budget(request.purses, month, NOTHING)) end
  return offer, price(rate, offer.covered)
end

local function test_limits(amount, is_new_start)
  local denials, alarms = {}, {}
  local function hit(enforced, ...)
    table.insert(enforced and denials or alarms, {...})
  end
  for _, purse in ipairs(request.purses) do test_purse(purse, month, amount, NOTHING, hit) end
  for _, velocity in ipairs(is_new_start and request.velocities or {}) do
    local full, retry = too_many(velocity)
    if full then hit(velocity.enforced, 'starts', velocity.name, retry) end
  end
  if request.novelty ~= '' and redis.call('SISMEMBER', NOVELTIES, request.novelty) == 0 then
    hit(false, 'novelty', request.novelty)
  end
  return denials, alarms
end

local function hold()
  -- The previous trunk attempt of this passage ends here if it was not answered; its start becomes ours.
  local previous = load_hold(request.supersedes)
  local previous_is_live = previous and previous.state == 'live'
  local inherits = previous and previous.starts and (previous_is_live or previous.amount == 0)
  if previous_is_live then
    local released = ending(request.supersedes, 'void', 0, previous)
    released.starts = false
    turn(request.supersedes, previous, released)
  elseif inherits then
    previous.starts, previous.sequence = false, number
    turn(request.supersedes, previous, previous)
  end

  local offer, amount = best_offer()
  local denials, alarms = test_limits(amount, not inherits)
  if #denials > 0 then return finish({'DENIED', denials}) end

  local record = {
    state = 'live', sequence = number, amount = amount, starts = true, score = now + offer.seconds + request.grace_s,
    month = month, purses = {}, posts = {}, rate = rate, seconds = offer.seconds, is_final = offer.is_final,
    alarms = alarms, costly = request.costly, fingerprint = fingerprint, held_at = now, renewals = 0,
  }
  for _, purse in ipairs(request.purses) do table.insert(record.purses, listed(purse)) end
  turn(request.hold_id, nil, record)
  for _, velocity in ipairs(inherits and {} or request.velocities) do record_start(velocity) end
  if request.novelty ~= '' then redis.call('SADD', NOVELTIES, request.novelty) end
  save_turned()
  return finish(held(record), entries_of(record))
end

local known = load_hold(request.hold_id)
if known then return answer_known(known) end
if loss and request.costly then return finish({'FROZEN', frozen()}) end
if request.policy_revision > 0 and revision > 0 and request.policy_revision ~= revision then
  return finish({'STALE', revision})
end
return hold()
