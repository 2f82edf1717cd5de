// A sound for red alarms; off until somebody asks for it.
import { $, attribute, text } from "../dom.js";

let voice = null;

function tone(at, pitch) {
  const source = voice.createOscillator();
  const loudness = voice.createGain();
  source.frequency.value = pitch;
  loudness.gain.setValueAtTime(0.2, at);
  loudness.gain.exponentialRampToValueAtTime(0.001, at + 0.4);
  source.connect(loudness).connect(voice.destination);
  source.start(at);
  source.stop(at + 0.4);
}

export function ring() {
  if (!voice) return;
  tone(voice.currentTime, 880);
  tone(voice.currentTime + 0.45, 660);
}

export function start() {
  $("sound").addEventListener("click", () => {
    if (voice) {
      voice.close();
      voice = null;
    } else {
      voice = new AudioContext();
      ring(); // so that it is known to be heard
    }
    attribute($("sound"), "aria-pressed", String(Boolean(voice)));
    text($("sound"), voice ? "Sound on" : "Sound off");
  });
}
