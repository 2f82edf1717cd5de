// The page: what comes in, and who draws it.
import { toSignIn } from "./api.js";
import { follow } from "./feed.js";
import * as keys from "./keys.js";
import * as me from "./me.js";
import * as alarms from "./regions/alarms.js";
import * as cards from "./regions/cards.js";
import * as cells from "./regions/cells.js";
import * as chains from "./regions/chains.js";
import * as chip from "./regions/chip.js";
import * as header from "./regions/header.js";
import * as image from "./regions/image.js";
import * as openRuns from "./regions/open-runs.js";
import * as line from "./regions/line.js";
import * as rate from "./regions/rate.js";
import * as run from "./regions/run.js";
import * as saying from "./regions/saying.js";
import * as sound from "./regions/sound.js";
import * as technique from "./regions/technique.js";
import * as timePoints from "./regions/time-points.js";
import * as wall from "./regions/wall.js";
import * as who from "./regions/who.js";
import * as route from "./route.js";
import { changed, state } from "./store.js";

const regions = [keys, me, who, header, alarms, sound, saying, technique, openRuns, rate, line, timePoints, chains, chip, image, cells, cards, run, wall];
for (const one of regions) one.start();

let broken = false; // the stream ended: those who come back may have other rights

const feed = follow((kind, body, waited) => {
  if (kind === "out") return toSignIn();
  if (kind === "nothing") {
    [state.now, state.slow, state.nothing] = [null, null, true];
    changed("now", "slow");
  }
  if (kind === "error") broken = true;
  if (kind === "now") {
    if (broken) me.look();
    broken = false;
    state.nothing = false;
    state.now = body;
    state.heardAt = performance.now() - waited;
    header.title();
    alarms.sound();
    changed("now");
  }
  if (kind === "slow") {
    state.slow = body;
    changed("slow");
  }
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) feed.wake();
});
route.start();
