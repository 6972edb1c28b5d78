# What the bench makes of the costs of runs ({wall, user, sys, maxrss, servers}: seconds and KiB).

def median:
  sort | if length == 0 then null elif length % 2 == 1 then .[(length - 1) / 2] else (.[length / 2] + .[length / 2 - 1]) / 2 end;
def cpu: .user + .sys;
def all_cpu: cpu + .servers;
def rounded: if . == null then null else . * 1000 | round / 1000 end;
def side($n): {
  wall: (map(.wall) | median), fastest: (map(.wall) | min), cpu: (map(cpu) | median), servers_cpu: (map(.servers) | median | rounded),
  maxrss_kib: (map(.maxrss) | max), runs: length,
  per_second: ($n / (map(.wall) | median) | floor),
  per_cpu_second: (map(cpu) | median | if . > 0 then $n / . | floor else null end)
};
# How many times $b's cost is $a's.
def ratio($a; $b; f): [range([$a, $b] | map(length) | min) as $i | ($a[$i] | f) as $x | select($x > 0) | ($b[$i] | f) / $x] | median | rounded;

def compared: {
  what: $what, n: $n, bytes: $bytes, ($by): ($ours | side($n)), ($against): ($theirs | side($n)),
  ratio_wall: ratio($ours; $theirs; .wall), ratio_cpu: ratio($ours; $theirs; cpu)
};
