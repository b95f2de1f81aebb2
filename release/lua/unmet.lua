-- End a job that still waits for what its start needs. ARGV: job, problem, moves
local job, at = read(key('job', ARGV[1])), now()
if not waits_to_start(job) then
  return cjson.encode({ status = 'begun' })
end
carry_out_legal(cjson.decode(ARGV[3]), at)
return cjson.encode({ status = 'over', offers = finish(job, 'failed', ARGV[2], at) })
