// Asks a server that is busy again.

import { Refused } from "./api.js";
import { pause } from "./dom.js";

// How often it is asked, and the pause after the first time, in ms; later ones are longer.
const TRIES = 5;
const BUSY = 1000;

export async function patiently(ask) {
  for (let tries = 1; ; tries++) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof Refused && error.status === 429) || tries === TRIES) throw error;
      await pause(tries * BUSY);
    }
  }
}
