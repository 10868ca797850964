-- How often calls start: exact sliding spans, at most `count_max` entries kept under each name, and some more after a
-- restore. With a tag, one entry for each different tag, at its latest start.

-- A start may be restored to a limit that was raised since.
local RESTORED_MAX = 100

local function recent(velocity)
  local text = redis.call('HGET', VELOCITY, velocity.name)
  local entries = {}
  for _, entry in ipairs(text and cmsgpack.unpack(text) or {}) do
    if now - entry[1] < velocity.span_s then table.insert(entries, entry) end
  end
  return entries
end

-- Returns whether one more start is too many, and in how many seconds it no longer would be.
local function too_many(velocity)
  local entries = recent(velocity)
  for _, entry in ipairs(entries) do
    if velocity.tag ~= '' and entry[2] == velocity.tag then return false, 0 end
  end
  if #entries < velocity.count_max then return false, 0 end
  local leaving = entries[#entries - velocity.count_max + 1]
  return true, leaving and leaving[1] + velocity.span_s - now or 0
end

local function save_starts(velocity, entries, most)
  while #entries > most do table.remove(entries, 1) end
  redis.call('HSET', VELOCITY, velocity.name, cmsgpack.pack(entries))
end

local function record_start(velocity)
  local entries = {}
  for _, entry in ipairs(recent(velocity)) do
    if velocity.tag == '' or entry[2] ~= velocity.tag then table.insert(entries, entry) end
  end
  table.insert(entries, {now, velocity.tag, number})
  save_starts(velocity, entries, velocity.count_max)
  redis.call('ZADD', VELOCITY_ENDS, digits(now + velocity.span_s), velocity.name)
end

-- Put a start of an earlier change back in its place. Returns whether it was missing and still counts.
local function restore_start(velocity, start)
  if now - start[1] >= velocity.span_s or velocity.count_max == 0 then return false end
  -- Others may count for longer by now.
  local entries = recent({name = velocity.name, span_s = math.huge})
  for position, entry in ipairs(entries) do
    -- The number alone does not do: both sides of a split brain may have given it.
    if entry[3] == start[3] and entry[1] == start[1] and entry[2] == start[2] then return false end
    if velocity.tag ~= '' and entry[2] == velocity.tag then
      if entry[1] >= start[1] then return false end
      table.remove(entries, position)
      break
    end
  end
  table.insert(entries, start)
  table.sort(entries, function(left, right) return left[1] < right[1] end)
  save_starts(velocity, entries, math.max(velocity.count_max, RESTORED_MAX))
  redis.call('ZADD', VELOCITY_ENDS, 'GT', digits(start[1] + velocity.span_s), velocity.name)
  return true
end

local function start_entry(velocity, start)
  return {'start', velocity.name, velocity.span_s, velocity.count_max, start[1], start[2]}
end
