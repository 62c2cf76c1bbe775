// ---- waveforms --------------------------------------------------------------------------------

const WAVE_HEIGHT = 52, BAR = 4;

/**
 * Return the waveform of a song: a slider that plays from where it is clicked. Its moment, an object
 * with `start` and `end` in seconds, is marked.
 */
function waveform(song, moment) {
  const wave = { song, moment, seconds: NaN, levels: null, width: 0 };
  const box = wave.box = make("div", "wave");
  for (const [key, value] of Object.entries({ role: "slider", tabindex: "0", "aria-valuemin": "0" })) {
    box.setAttribute(key, value);
  }
  box.setAttribute("aria-label", `Position in ${song.title}`);
  if (moment) wave.band = box.appendChild(make("i", "wave-moment"));
  wave.all = bars(wave, "wave-all");
  wave.played = bars(wave, "wave-played");
  wave.head = box.appendChild(make("i", "wave-head"));
  listen(wave);
  box.wave = wave;
  showPosition(wave);
  return box;
}

function bars(wave, name) {
  const svg = draw("svg", { class: name, "aria-hidden": "true", preserveAspectRatio: "none" }, wave.box);
  return { svg, path: draw("path", { d: "" }, svg) };
}

function listen(wave) {
  const { box, song } = wave;
  box.addEventListener("click", (event) => {
    const at = (event.clientX - box.getBoundingClientRect().left) / box.clientWidth;
    if (lengthOf(wave)) playFrom(song, clamp(at, 0, 1) * lengthOf(wave));
    else toggle(song);
  });
  box.addEventListener("pointermove", (event) => {
    const at = event.clientX - box.getBoundingClientRect().left;
    box.style.setProperty("--at", `${at}px`);
  });
  box.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -5, ArrowRight: 5, PageDown: -30, PageUp: 30 }[event.key];
    const time = isCurrent(song) ? sound.currentTime : wave.moment?.start ?? 0;
    const goal = { Home: 0, End: lengthOf(wave) }[event.key] ?? (step && time + step);
    if (goal === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    playFrom(song, clamp(goal, 0, lengthOf(wave) || 0));
  });
  sizes.observe(box);
  views.observe(box);
}

const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) drawBars(target.wave);
});

/** Load a waveform when it comes into view. */
const views = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    views.unobserve(target);
    loadLevels(target.wave);
  }
}, { rootMargin: "200px" });

async function loadLevels(wave) {
  const load = wave.song.levels ? wave.song.levels() : fetchOnce(songUrl(wave.song, "waveform"));
  const found = await load.catch(() => null);
  wave.box.classList.toggle("unknown", !found);
  if (!found) return;
  wave.seconds = found.seconds;
  wave.levels = found.levels;
  drawBars(wave);
  showPosition(wave);
}

const lengthOf = (wave) => wave.seconds || (isCurrent(wave.song) && sound.duration) || 0;

/** Draw as many bars as there is room for, each as high as the loudest part that it stands for. */
function drawBars(wave) {
  wave.width = wave.box.clientWidth;
  const n = Math.max(1, Math.floor(wave.width / BAR)), middle = WAVE_HEIGHT / 2, path = [];
  for (let i = 0; i < n; i++) {
    const level = wave.levels ? loudest(wave.levels, i / n, (i + 1) / n) / 100 : 0;
    const half = Math.max(0.75, level * (middle - 2));
    path.push(`M${(i + 0.5) * BAR} ${(middle - half).toFixed(1)}V${(middle + half).toFixed(1)}`);
  }
  for (const { svg, path: line } of [wave.all, wave.played]) {
    svg.setAttribute("viewBox", `0 0 ${n * BAR} ${WAVE_HEIGHT}`);
    line.setAttribute("d", path.join(""));
  }
}

function loudest(levels, from, to) {
  const first = Math.floor(from * levels.length), last = Math.ceil(to * levels.length);
  return Math.max(0, ...levels.slice(first, Math.max(last, first + 1)));
}

/** Show how much has been played, and the moment that matched. */
function showPosition(wave) {
  const length = lengthOf(wave), current = isCurrent(wave.song);
  const time = current ? sound.currentTime : 0, share = length ? clamp(time / length, 0, 1) : 0;
  wave.box.classList.toggle("current", current);
  wave.played.svg.style.clipPath = `inset(0 ${100 * (1 - share)}% 0 0)`;
  wave.head.style.left = `${100 * share}%`;
  wave.box.setAttribute("aria-valuemax", Math.round(length));
  wave.box.setAttribute("aria-valuenow", Math.round(time));
  wave.box.setAttribute("aria-valuetext", `${clock(time)} of ${clock(length)}`);
  if (wave.band) wave.band.hidden = !length;
  if (wave.band && length) {
    const { start, end } = wave.moment, from = clamp(start / length, 0, 1);
    wave.band.style.left = `${100 * from}%`;
    wave.band.style.width = `${100 * clamp((end ?? start) / length - from, 0, 1 - from)}%`;
  }
}

document.addEventListener("progress", () => {
  for (const box of document.querySelectorAll(".wave")) {
    if (isCurrent(box.wave.song) || box.classList.contains("current")) showPosition(box.wave);
  }
});

/** Return the levels of a clip, decoded by the browser; large clips are left flat. */
async function levelsOfClip(file) {
  if (file.size > 20e6) throw new Error("too large to draw");
  const decoded = await new OfflineAudioContext(1, 1, 22050).decodeAudioData(await file.arrayBuffer());
  const samples = decoded.getChannelData(0), part = Math.max(1, Math.floor(samples.length / 600)), power = [];
  for (let from = 0; from + part <= samples.length; from += part) {
    let sum = 0;
    for (let i = from; i < from + part; i++) sum += samples[i] ** 2;
    power.push(Math.sqrt(sum / part));
  }
  const most = power.reduce((a, b) => Math.max(a, b), 0) || 1;
  return { seconds: decoded.duration, levels: power.map((level) => (100 * level) / most) };
}
