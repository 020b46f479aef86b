# Streams of change signals by a classic Fastly service (Deliver), which has the origin of streams as its only backend:
# `jackstaff origin --stream-seconds 40`. README.md says how to install it. However many clients listen, a POP has one
# connection to the origin for each environment and stream part.
#
# Never here: `return(pass)` and fetches after a `restart`. Both would give a client a connection of its own.

include "state";
include "collapse";
include "limit";
include "stream_part";
include "failure";
include "cors";
include "edge_token";

sub vcl_recv {
#FASTLY recv
  call failure_recv;
  call cors_recv;
  call collapse_recv;
  call limit_recv;
  return(lookup);
}

sub vcl_hash {
  call collapse_hash;
#FASTLY hash
  return(hash);
}

sub vcl_hit {
#FASTLY hit
  return(deliver);
}

sub vcl_miss {
#FASTLY miss
  call stream_part_miss;
  call edge_token_miss;
  return(fetch);
}

sub vcl_pass {
#FASTLY pass
  return(pass);
}

sub vcl_fetch {
#FASTLY fetch
  call stream_part_fetch;
  call failure_fetch;
  return(deliver);
}

sub vcl_error {
#FASTLY error
  call cors_error;
  call failure_error;
  return(deliver);
}

sub vcl_deliver {
#FASTLY deliver
  call failure_deliver;
  call stream_part_deliver;
  call cors_deliver;
  return(deliver);
}

sub vcl_log {
#FASTLY log
}
