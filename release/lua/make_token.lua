-- Keep a new API token, unless its name is taken or there are too many; entered in the audit trail with it.
-- ARGV: id, name, its fields as JSON, limit, entry as JSON
local id, name = ARGV[1], ARGV[2]
if redis.call('HEXISTS', key('api-token-names'), name) == 1 then
  return 'taken'
end
if redis.call('HLEN', key('api-token-names')) >= tonumber(ARGV[4]) then
  return 'full'
end
redis.call('HSET', key('api-token-names'), name, id)
for field, value in pairs(cjson.decode(ARGV[3])) do
  redis.call('HSET', key('api-token', id), field, value)
end
audit(cjson.decode(ARGV[5]))
return 'made'
