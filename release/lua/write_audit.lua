-- Add an entry to the audit trail and cut its oldest. ARGV: entry as JSON, about how many are kept. Answers its id.
local id = audit(cjson.decode(ARGV[1]))
redis.call('XTRIM', key('audit'), 'MAXLEN', '~', ARGV[2])
return id
