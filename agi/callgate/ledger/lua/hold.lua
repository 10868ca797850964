#!lua
-- Set money aside for one call, or say which limits forbid it.
--
-- KEYS     the clinic's eight keys (start.lua)
-- ARGV[1]  core/hold.HoldRequest as MessagePack, fields by name: micros, seconds, None as nil
-- ARGV[2]  fingerprint of the request without its policy revision
--
-- Replies
--   HELD seconds amount_micros alarms   also for the same request again, which changes nothing
--   DENIED limits                       only time and sequence are written
--   GONE                                the id has ended, names another call, or is older than the ledger remembers
--   STALE revision                      another policy revision is in force
-- alarms and limits are lists of {'money', purse, window, micros left, seconds until it may reopen or 0},
-- {'lines', purse} and {'starts', velocity, seconds until it may reopen or 0}.

-- A grant ends this long before the paid time, so that the cut never falls on a new increment (facts/semantics.md 5).
local CUT_MARGIN_S = 2

local request, fingerprint = sound(cmsgpack.unpack(ARGV[1])), ARGV[2]

local function answer_known(record)
  if record.state == 'live' and record.fingerprint == fingerprint then
    return {'HELD', record.seconds, record.amount, record.alarms}
  end
  return {'GONE'}
end

local function left_in(entry, ceiling)
  return ceiling.limit_micros - spent(entry, ceiling.window, request.month) - entry.held
end

local function room()
  local least = math.huge
  for _, purse in ipairs(request.purses) do
    for _, ceiling in ipairs(purse.ceilings) do
      if ceiling.enforced then least = math.min(least, left_in(account(purse.name), ceiling)) end
    end
  end
  return least
end

-- The money to hold and the seconds it grants. When even the first increment does not fit, that is what is asked for:
-- the limits that forbid it are the ones to name.
local function amount_and_seconds()
  local rate = request.rate
  if request.slice_s then return price(rate, request.slice_s), request.seconds end
  local whole, least = price(rate, request.seconds + CUT_MARGIN_S), price(rate, 1 + CUT_MARGIN_S)
  local available = request.partial and room() or math.huge
  if whole == 0 or whole <= available then return whole, request.seconds end
  local covered = billed_seconds(rate, 1 + CUT_MARGIN_S)
  if least <= available then
    local affordable = math.floor((available - rate.connect_micros) * 60 / rate.per_minute_micros)
    covered = affordable - (affordable - rate.first_increment_s) % rate.increment_s
  end
  return price(rate, covered), covered - CUT_MARGIN_S
end

local function test_limits(amount, is_new_start)
  local denials, alarms = {}, {}
  local function hit(enforced, ...)
    table.insert(enforced and denials or alarms, {...})
  end
  for _, purse in ipairs(request.purses) do
    local entry = account(purse.name)
    for _, ceiling in ipairs(purse.ceilings) do
      local left = left_in(entry, ceiling)
      if amount > 0 and amount > left then
        local needed = amount - left - entry.held
        hit(ceiling.enforced, 'money', purse.name, ceiling.window, math.max(0, left),
          reopens_in(entry, ceiling.window, needed))
      end
    end
    if purse.concurrent_max and entry.live >= purse.concurrent_max then hit(true, 'lines', purse.name) end
  end
  for _, velocity in ipairs(is_new_start and request.velocities or {}) do
    local full, retry = too_many(velocity)
    if full then hit(velocity.enforced, 'starts', velocity.name, retry) end
  end
  return denials, alarms
end

local function purses_to_charge(amount)
  local purses = {}
  for _, purse in ipairs(request.purses) do
    local entry, total = account(purse.name), false
    entry.live, entry.held = entry.live + 1, entry.held + amount
    for _, ceiling in ipairs(purse.ceilings) do total = total or ceiling.window == 'total' end
    table.insert(purses, {name = purse.name, total = total})
  end
  return purses
end

local function hold()
  -- The previous trunk attempt of this passage ends here if it was not answered; its start becomes ours.
  local previous = request.supersedes ~= '' and load_hold(request.supersedes) or nil
  local previous_is_live = previous and previous.state == 'live'
  if previous_is_live then release(previous) end
  local inherits = previous and previous.starts and (previous_is_live or previous.amount == 0)

  local amount, seconds = amount_and_seconds()
  local denials, alarms = test_limits(amount, not inherits)
  if #denials > 0 then
    stamp()
    return {'DENIED', denials}
  end

  local record = {
    state = 'live', amount = amount, starts = true, fingerprint = fingerprint, seconds = seconds, alarms = alarms,
    month = request.month, rate = request.rate, purses = purses_to_charge(amount),
  }
  if previous_is_live then
    save_ended(request.supersedes, {state = 'void', amount = 0, starts = false})
  elseif inherits then
    previous.starts = false
    redis.call('HSET', HOLDS, request.supersedes, cmsgpack.pack(previous))
  end
  for _, velocity in ipairs(inherits and {} or request.velocities) do record_start(velocity) end
  save_accounts()
  redis.call('HSET', HOLDS, request.hold_id, cmsgpack.pack(record))
  redis.call('ZADD', LIVE, digits(now + seconds + request.grace_s), request.hold_id)
  stamp()
  return {'HELD', seconds, amount, alarms}
end

local known = load_hold(request.hold_id)
if known then return answer_known(known) end
if request.policy_revision > 0 and revision > 0 and request.policy_revision ~= revision then
  return {'STALE', revision}
end
return hold()
