# How often one address may ask, at one POP. It needs Fastly's Edge Rate Limiting: without it, leave out this file and the
# call of `limit_recv`.
#
# A client asks once or twice a minute, so this leaves room for thousands of them behind one address, all of which come
# back at once when their part ends. Beyond, something asks in a loop: it is not sent away but given a stream that
# says nothing, which holds it for a part's time. Connections that are open are not counted.

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
