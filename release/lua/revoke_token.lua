-- Forget an API token; entered in the audit trail with what it was. ARGV: name, entry as JSON.
-- Answers its id and its fields, nothing where there is no such token.
local id = redis.call('HGET', key('api-token-names'), ARGV[1])
if not id then
  return {}
end
local token, entry = read(key('api-token', id)), cjson.decode(ARGV[2])
redis.call('DEL', key('api-token', id))
redis.call('HDEL', key('api-token-names'), ARGV[1])
redis.call('HDEL', key('api-token-used'), id)
entry.before = cjson.encode({ token = ARGV[1], role = token.role, apps = token.apps })
audit(entry)
return { id, cjson.encode(token) }
