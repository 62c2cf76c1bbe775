// ---- the player: one sound at a time ----------------------------------------------------------

/** What plays: a song of the index, or the clip of the user, which has its own `url`. */
const playing = { song: null, lines: [] };

const sound = $("audio");
const urlOf = (song) => song.url ?? `/audio/${song.position}`;
const isCurrent = (song) => playing.song !== null && urlOf(playing.song) === urlOf(song);
const isPlaying = (song) => isCurrent(song) && !sound.paused;

/** Play a song from a time in seconds. */
function playFrom(song, time) {
  if (!isCurrent(song)) load(song);
  if (sound.readyState > 0) sound.currentTime = time;
  else sound.addEventListener("loadedmetadata", () => { if (isCurrent(song)) sound.currentTime = time; }, { once: true });
  resume();
}

/** Play a song from its moment, pause it, or resume it. */
function toggle(song, time = 0) {
  if (!isCurrent(song)) return playFrom(song, time);
  if (sound.paused) resume(); else sound.pause();
}

function load(song) {
  stop();
  playing.song = song;
  sound.src = urlOf(song);
  $("player-title").textContent = song.title;
  $("player-line").textContent = "";
  $("player").hidden = false;
  document.body.classList.add("has-player");
  followWords(song);
}

function resume() {
  sound.play().catch((error) => {
    if (error.name !== "AbortError") refuse();
  });
}

function refuse() {
  if (!playing.song) return;
  const title = playing.song.title;
  stop();
  $("error").textContent = `This browser cannot play the sound of \u201c${title}\u201d.`;
}

function stop() {
  if (!playing.song) return;
  playing.song = null;
  playing.lines = [];
  sound.pause();
  sound.removeAttribute("src");
  sound.load();
  $("player").hidden = true;
  document.body.classList.remove("has-player");
  showProgress();
}

function skip(seconds) {
  if (playing.song && sound.readyState > 0) sound.currentTime = clamp(sound.currentTime + seconds, 0, sound.duration);
}

/** Show the words of a song while they are sung, if their times are known. */
async function followWords(song) {
  if (song.position === undefined) return;
  const whole = await fetchOnce(songUrl(song, "song")).catch(() => null);
  if (whole && isCurrent(song)) playing.lines = whole.heard.filter((line) => line.start !== null);
}

/** Bring everything that shows the state of the player up to date. */
function showProgress() {
  const play = $("player-play");
  play.replaceChildren(icon(sound.paused ? "play" : "pause"));
  play.setAttribute("aria-label", sound.paused ? "Play" : "Pause");
  const time = sound.currentTime, line = playing.lines.findLast((one) => one.start <= time + 0.05);
  const sung = line && (line.end === null || time <= line.end + 1.5) ? line.text : "";
  if ($("player-line").textContent !== sung) $("player-line").textContent = sung;
  const length = clock(sound.duration);
  $("player-time").textContent = length ? `${clock(time)} / ${length}` : clock(time);
  document.dispatchEvent(new Event("progress"));
}

/** Move the position smoothly while a song plays. */
function followTime() {
  showProgress();
  if (!sound.paused) requestAnimationFrame(followTime);
}

for (const event of ["pause", "ended", "seeked", "loadedmetadata", "emptied"]) sound.addEventListener(event, showProgress);
sound.addEventListener("play", followTime);
sound.addEventListener("error", () => { if (sound.hasAttribute("src")) refuse(); });
$("player-play").addEventListener("click", () => toggle(playing.song));
$("player-stop").addEventListener("click", stop);
