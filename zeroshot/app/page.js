// A press on a frame, a lane or the time axis moves the player; the player moves the line over them.
(() => {
  const clock = s => {
    const whole = Math.floor(s), m = Math.floor(whole / 60) % 60, h = Math.floor(whole / 3600);
    const two = n => String(n).padStart(2, "0");
    return h ? `${h}:${two(m)}:${two(whole % 60)}` : `${m}:${two(whole % 60)}`;
  };
  const player = part => part.closest(".z-result")?.querySelector(".z-player video");
  const length = video => Number(video.closest(".z-result").dataset.length) || video.duration || 0;

  const show = video => {
    const result = video.closest(".z-result"), line = result?.querySelector(".z-playhead");
    if (!line) return;
    const at = Math.min(video.currentTime, length(video)), strip = result.querySelector(".z-strip");
    line.style.left = `${100 * at / Math.max(length(video), 1e-6)}%`;
    strip.setAttribute("aria-valuenow", at.toFixed(1));
    const now = [...result.querySelectorAll(".z-leads")].filter(b => Number(b.dataset.seconds) <= at + 0.01);
    for (const block of result.querySelectorAll(".z-leads")) block.classList.remove("z-now");
    const last = now.sort((a, b) => a.dataset.seconds - b.dataset.seconds).at(-1);
    last?.classList.add("z-now");
    const label = last?.closest(".z-lane").getAttribute("aria-label");
    strip.setAttribute("aria-valuetext", label ? `${clock(at)}, ${label}` : clock(at));
  };
  const seek = (video, seconds) => {
    if (!video) return;
    if (video.readyState < 1) {  // it is still being fetched
      return video.addEventListener("loadedmetadata", () => seek(video, seconds), { once: true });
    }
    video.currentTime = Math.max(0, Math.min(seconds, length(video) - 0.01));
    show(video);
  };

  document.addEventListener("click", event => {
    const part = event.target.closest?.(".z-result [data-seconds]");
    if (part && !part.closest(".z-strip")) return seek(player(part), Number(part.dataset.seconds) + 0.02);
    const strip = event.target.closest?.(".z-strip");
    if (!strip) return;
    const box = strip.getBoundingClientRect(), video = player(strip);
    seek(video, length(video) * (event.clientX - box.left) / box.width);
  });
  document.addEventListener("keydown", event => {
    const strip = event.target.closest?.(".z-strip");
    if (!strip) return;
    const video = player(strip), step = Math.max(0.25, length(video) / 40);
    const to = { ArrowLeft: video.currentTime - step, ArrowRight: video.currentTime + step,
      ArrowDown: video.currentTime - step, ArrowUp: video.currentTime + step,
      PageDown: video.currentTime - 4 * step, PageUp: video.currentTime + 4 * step,
      Home: 0, End: length(video) }[event.key];
    if (to !== undefined) { event.preventDefault(); seek(video, to); }
  });
  for (const name of ["timeupdate", "seeked", "loadedmetadata"]) {
    document.addEventListener(name, event => {
      if (event.target.matches?.(".z-player video")) show(event.target);
    }, true);
  }
  const playable = (video, yes) => {
    const words = video.closest(".z-player")?.querySelector(".z-unplayable");
    if (words) { words.hidden = yes; video.classList.toggle("z-mute", !yes); }
  };
  document.addEventListener("error", event => {
    if (event.target.matches?.(".z-player video[src]")) playable(event.target, false);
  }, true);
  document.addEventListener("loadeddata", event => {
    if (event.target.matches?.(".z-player video")) playable(event.target, true);
  }, true);
  // A small picture of an example moves as long as somebody points at it or stands on it.
  for (const [on, go] of [["pointerover", true], ["focusin", true], ["pointerout", false], ["focusout", false]]) {
    document.addEventListener(on, event => {
      const video = event.target.closest?.(".z-example")?.querySelector("video");
      if (!video) return;
      if (go) { video.loop = true; video.play().catch(() => {}); } else video.pause();
    });
  }
})();
