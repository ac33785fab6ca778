-- wrk … -s post.lua URL -- FILE TYPE: posts the file, prints the figures as JSON.
function init(args)
  local file = assert(io.open(args[1], "rb"))
  wrk.method = "POST"
  wrk.body = file:read("*a")
  wrk.headers["Content-Type"] = args[2]
  file:close()
end

-- wrk counts a status above 399 as an error. A `response` function could look at each
-- answer, but slows the generator.
function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '\n{"per_second": %.1f, "p50_ms": %.4f, "p99_ms": %.4f, "failed": %d}\n',
    summary.requests / summary.duration * 1e6, latency:percentile(50) / 1000,
    latency:percentile(99) / 1000, e.connect + e.read + e.write + e.status + e.timeout))
end
