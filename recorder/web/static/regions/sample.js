// Where the sample of a run is, as far as the database knows and one may see it.
import * as api from "../api.js";
import { changed } from "../store.js";

let known = { id: null, pairs: [] };

// [name, value] pairs of the sample; asked for once, by its BLSample id.
export function placeOf(id, proposal) {
  if (typeof id !== "number") return [];
  if (known.id !== id) ask(id, proposal);
  return known.pairs;
}

async function ask(id, proposal) {
  const mine = { id, pairs: [] };
  known = mine;
  const found = await api.get(`../../ispyb/api/v1/samples/${id}`).catch(() => null);
  if (!found || known !== mine) return;
  mine.pairs = pairs(found, proposal);
  changed("sample");
}

// A number that is of another proposal was announced by mistake: nothing of it is shown.
function pairs(found, proposal) {
  const of = found._metadata?.proposal;
  if (proposal && of && of.toLowerCase() !== proposal.toLowerCase()) {
    return [["Location", "the announced BLSample is of another proposal"]];
  }
  const box = found.Container ?? {};
  return [
    ["Location", found.location || null],
    ["Container", box.code || null],
    ["Sample changer", box.sampleChangerLocation || null],
    ["Beamline", box.beamlineLocation || null],
  ];
}
