-- Steps of releases that nobody's turn causes: what the cluster shows has ended them. ARGV: moves
carry_out_legal(cjson.decode(ARGV[1]), now())
return 1
