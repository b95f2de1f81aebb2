-- Keep what a worker saw of an app. ARGV: as `records.told_of_app` has them, and `observe` takes them.
return observe(unpack(ARGV))
