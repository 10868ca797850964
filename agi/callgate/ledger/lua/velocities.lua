-- How often calls start: exact sliding spans, at most `count_max` entries kept under each name. With a tag, one entry for
-- each different tag, at its latest start.

local function recent(velocity)
  local packed = redis.call('HGET', VELOCITY, velocity.name)
  local entries = {}
  for _, entry in ipairs(packed and cmsgpack.unpack(packed) or {}) do
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

local function record_start(velocity)
  local entries = {}
  for _, entry in ipairs(recent(velocity)) do
    if velocity.tag == '' or entry[2] ~= velocity.tag then table.insert(entries, entry) end
  end
  table.insert(entries, {now, velocity.tag})
  while #entries > velocity.count_max do table.remove(entries, 1) end
  redis.call('HSET', VELOCITY, velocity.name, cmsgpack.pack(entries))
  redis.call('ZADD', VELOCITY_ENDS, digits(now + velocity.span_s), velocity.name)
end
