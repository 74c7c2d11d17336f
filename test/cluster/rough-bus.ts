// Makes the realtime bus of this process lose, repeat and swap what it publishes, so that gateways have to mend.
import { NatsBus } from "../../mixins/realtime-bus/nats-bus.ts";

const LOST = 0.1;
const REPEATED = 0.1;
const LATE = 0.1;
const LATE_BY_MS = 30;

const { publish } = NatsBus.prototype;

NatsBus.prototype.publish = function (subject, message) {
  const fate = Math.random();
  if (fate < LOST) return;
  if (fate > 1 - LATE) setTimeout(() => publish.call(this, subject, message), LATE_BY_MS);
  else publish.call(this, subject, message);
  if (fate < LOST + REPEATED) publish.call(this, subject, message);
};
