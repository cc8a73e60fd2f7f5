-- Adds entries to a stream in order and stops at the first that is refused.
-- KEYS[1]  stream; it is never made here: a missing stream is a lost one
-- ARGV     id, event, id, event, …
-- Returns  {added} when all were added, else {added, error text}; a missing
--          stream is the text "MISSING"
local added = 0
for i = 1, #ARGV, 2 do
  local reply = redis.pcall('XADD', KEYS[1], 'NOMKSTREAM', ARGV[i], 'event', ARGV[i + 1])
  if type(reply) == 'table' and reply.err then
    return {added, reply.err}
  end
  if not reply then
    return {added, 'MISSING'}
  end
  added = added + 1
end
return {added}
