-- Puts staged count hashes in the place of all there are, under a new epoch,
-- and begins the stream anew behind the watermark.
-- KEYS[1]  state hash    KEYS[2]  stream     KEYS[3]  days set    KEYS[4]  staging set
-- KEYS[5…] n staged hashes, then the n hashes they become, then hashes to delete
-- ARGV[1]  epoch         ARGV[2]  watermark  ARGV[3]  now         ARGV[4]  mark
-- ARGV[5]  group         ARGV[6]  channel    ARGV[7]  message     ARGV[8]  store
-- ARGV[9]  n             ARGV[10…] the n names in the days set
-- Returns  {"ok"}; or, with nothing changed, {"vanished"} when a staged hash is
--          no longer there (another Replace came between)
local n = tonumber(ARGV[9])
for i = 1, n do
  if redis.call('EXISTS', KEYS[4 + i]) == 0 then
    return {'vanished'}
  end
end
for i = 4 + 2 * n + 1, #KEYS do
  redis.call('DEL', KEYS[i])
end
redis.call('DEL', KEYS[3], KEYS[4], KEYS[2], KEYS[1])
for i = 1, n do
  redis.call('RENAME', KEYS[4 + i], KEYS[4 + n + i])
  redis.call('SADD', KEYS[3], ARGV[9 + i])
end
if ARGV[2] ~= '0' then
  redis.call('XADD', KEYS[2], ARGV[2] .. '-0', 'kind', 'rebuilt')
end
redis.call('XGROUP', 'CREATE', KEYS[2], ARGV[5], '0', 'MKSTREAM')
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'store', ARGV[8], 'watermark', ARGV[2], 'mark', ARGV[4],
  'applied_at', ARGV[3], 'rebuilt_at', ARGV[3], 'dead', 0)
redis.call('PUBLISH', ARGV[6], ARGV[7])
return {'ok'}
