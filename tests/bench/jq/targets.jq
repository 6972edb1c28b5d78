# What is to be reached, and what was: {what, least or most, unit, figure, reached}; figure and reached are null where nothing was
# measured.

def least($what; $n; $unit; $figure): {$what, least: $n, $unit, $figure, reached: (if $figure == null then null else $figure >= $n end)};
def most($what; $n; $unit; $figure): {$what, most: $n, $unit, $figure, reached: (if $figure == null then null else $figure < $n end)};
def tenth: if . == null then null else . * 10 | round / 10 end;
def percent: if . == null then null else . * 100 | round end;
def row($part; f): [(.[$part] // [])[] | select(f)][0];

def targets: . as $all | [
  (["usgs_quake", "earthquakes"], ["wfigs_incidents", "fires: incidents"], ["wfigs_perimeters", "fires: perimeters"],
   ["firms", "fires: hotspots"], ["nws", "alerts"]
   | . as [$name, $title] | ("", ".recorded") as $suffix
   | ($all | row("normalize"; .what == $name + $suffix and .jq)) as $r
   | select($r or $suffix == "")
   | least("normalize to jq, per CPU second, \($title)\(if $suffix == "" then "" else ", recorded" end)"; 4; "x"; $r.ratio_cpu)),
  ("600 bytes", "1000 bytes", "2500 bytes"
   | . as $size | ($all | row("publish"; .what == $size)) as $r
   | least("publish to the bare loop, \($size)"; 85; "%"; $r.to_bare | percent),
     least("publish to the bare loop, CPU with the server's, \($size)"; 85; "%"; $r.to_bare_all_cpu | percent),
     least("publish, \($size), a second"; 10000; ""; $r.publish.per_second)),
  (["jetstream", "from JetStream"], ["stdin", "from standard input"]
   | . as [$key, $title] | ($all | row("archive"; .key == $key)) as $r
   | least("archive \($title) to a bare COPY"; 80; "%"; $r.to_copy | percent),
     least("archive \($title) to a bare COPY, CPU with the server's"; 80; "%"; $r.to_copy_cpu | percent),
     least("archive \($title) to INSERT"; 8; "x"; $r.to_insert | tenth)),
  least("archive with two archivers to one"; 1; "x"; ($all | row("archive"; .key == "two_to_one").ratio)),
  least("feed to committed row, central-source, a second"; 10000; ""; ($all | row("chain"; .key == "source").per_second)),
  least("feed to committed row, the pipe without memory, a second"; 10000; ""; ($all | row("chain"; .key == "pipe").per_second)),
  most("from the line of fetch to a row at 100 a second, 99 %"; 1000; " ms"; ($all | row("chain"; .key == "latency_ms").p99)),
  ("usgs_quake, 304", "usgs_quake, the same again", "nws, 304", "nws, the same again", "usgs_quake, 304, the pipe kept running"
   | . as $what | ($all | row("chain"; .what == $what)) as $r
   | most("a poll that finds nothing new, CPU: \($what)"; 30; " ms"; $r.cpu | if . == null then null else . * 1000 | tenth end)),
  ("central-normalize", "central-changes", "central-publish", "central-commit", "central-archive", "central-subscribe"
   | . as $tool | ($all | row("memory"; .what == $tool)) as $r
   | most("\($tool), resident on \($r.many.n // "many") lines"; 8192; " KiB"; $r.many.maxrss_kib)),
  ("central-normalize", "central-changes", "central-publish", "central-commit", "central-archive", "central-subscribe"
   | . as $tool | ($all | row("memory"; .what == $tool)) as $r
   | most("\($tool), start, fastest of 11"; 10; " ms"; $r.start.fastest | if . == null then null else . * 1000 | tenth end)),
  most("the hub without its servers, loaded"; 65536; " KiB"; ($all | row("memory"; .key == "hub").loaded_kib))
];
