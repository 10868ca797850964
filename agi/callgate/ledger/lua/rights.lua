-- Tell which commands the user who asks may run. Changes nothing.
--
-- KEYS     none
-- ARGV     commands with all that they need, the words of each parted by spaces
--
-- Reply: for each of ARGV 1 if the user may run it, else 0; nothing at all from a server that cannot tell.
--
-- Without "#!lua", which a server that is too old to be used does not take: its version says so then.

-- Redis 7 and Valkey have it.
if not redis.acl_check_cmd then return {} end

local answers = {}
for position, line in ipairs(ARGV) do
  local words = {}
  for word in string.gmatch(line, '%S+') do table.insert(words, word) end
  -- A command that the server does not have is an error.
  local is_known, may = pcall(redis.acl_check_cmd, unpack(words))
  answers[position] = is_known and may and 1 or 0
end
return answers
