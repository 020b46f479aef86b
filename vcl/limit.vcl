# How often one address may ask, at one POP. It needs Fastly's Edge Rate Limiting: without it, leave out this file and the
# call of `limit_recv`.
#
# A client connects once or twice a minute, so thousands of them may share one address, even if all connect again at once when
# their part ends. More requests than that come from a loop: they get a silent stream, which holds the client for the duration
# of a part. Open connections are not counted.

ratecounter limit_requests {}
penaltybox limit_exceeded {}

sub limit_recv {
  if (state_is_edge()) {
    # 100 a second, over ten seconds; a minute of silence.
    if (ratelimit.check_rate(client.ip, limit_requests, 1, 10, 100, limit_exceeded, 1m)) {
      call collapse_silence_recv;
    }
  }
}
