// The page: what comes in, and who draws it.
import { follow } from "./feed.js";
import * as keys from "./keys.js";
import * as alarms from "./regions/alarms.js";
import * as cards from "./regions/cards.js";
import * as cells from "./regions/cells.js";
import * as chains from "./regions/chains.js";
import * as chip from "./regions/chip.js";
import * as header from "./regions/header.js";
import * as image from "./regions/image.js";
import * as line from "./regions/line.js";
import * as rate from "./regions/rate.js";
import * as run from "./regions/run.js";
import * as saying from "./regions/saying.js";
import * as sound from "./regions/sound.js";
import * as timePoints from "./regions/time-points.js";
import * as wall from "./regions/wall.js";
import * as route from "./route.js";
import { changed, state } from "./store.js";

const regions = [keys, header, alarms, sound, saying, rate, line, timePoints, chains, chip, image, cells, cards, run, wall];
for (const one of regions) one.start();

const feed = follow((kind, body, waited) => {
  if (kind === "now") {
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
