-- Given to wrk in every scenario. It defines neither request() nor response(): wrk then formats one
-- request at the start and runs no Lua while it measures.

-- A number after the URL makes the request a POST with a body of that many bytes, made once.
function init(args)
  local size = tonumber(args[1])
  if size then
    wrk.method = "POST"
    wrk.body = string.rep("x", size)
  end
end

-- The histogram that `wrk --latency` prints, unrounded and with the 99.9th percentile.
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "seconds": %.6f, "bytes": %d, "p50_us": %d, "p99_us": %d,'
      .. ' "p999_us": %d, "errors": {"connect": %d, "read": %d, "write": %d, "status": %d, "timeout": %d}}\n',
    summary.requests, summary.duration / 1e6, summary.bytes, latency:percentile(50),
    latency:percentile(99), latency:percentile(99.9), e.connect, e.read, e.write, e.status, e.timeout))
end
