// What the panel of a watch shows, apart from drawing: messages, series, scales, numbers.

/** The most points that a series keeps; beyond, every second one goes. */
export const MONITOR_POINTS = 1200;
/** Updates of about a thousandth of the weights are what most training does well with. */
export const MONITOR_HEALTHY = [1e-4, 1e-2];

/** A series without points: steps, and a list of numbers for each channel. */
export function emptySeries(channels) {
  return { steps: [], values: Object.fromEntries(channels.map((name) => [name, []])) };
}

/** Adds a point; a long series is thinned first, evenly and to the newest point. */
export function addPoint(series, step, row, channels) {
  if (series.steps.length >= MONITOR_POINTS) {
    const odd = (_, place) => place % 2 === 1;
    series.steps = series.steps.filter(odd);
    for (const name of channels) series.values[name] = series.values[name].filter(odd);
  }
  series.steps.push(step);
  channels.forEach((name, place) => series.values[name].push(row[place]));
}

/** The float32 numbers of a message's buffer, wherever they lie in it. */
function floatsOf(buffer) {
  const offset = buffer.byteOffset || 0;
  return new Float32Array((buffer.buffer || buffer).slice(offset, offset + buffer.byteLength));
}

/** The samples of a message: [{step, rows: [[channel, ...], ...]}], rows in the order of names. */
export function decodeSamples(content, buffer, channels) {
  const width = channels.length;
  const stride = 1 + content.names.length * width;
  const numbers = floatsOf(buffer);
  const samples = [];
  for (let n = 0; n < content.count; n++) {
    const start = n * stride;
    const rows = content.names.map((_, place) =>
      Array.from(numbers.subarray(start + 1 + place * width, start + 1 + (place + 1) * width)));
    samples.push({ step: numbers[start], rows });
  }
  return samples;
}

/** Takes a message into a table of series by name; rows without any number are left out. */
export function takeSamples(table, content, buffer, channels) {
  for (const name of content.names) {
    if (!table.has(name)) table.set(name, emptySeries(channels));
  }
  for (const { step, rows } of decodeSamples(content, buffer, channels)) {
    rows.forEach((row, place) => {
      if (row.some((value) => !Number.isNaN(value))) {
        addPoint(table.get(content.names[place]), step, row, channels);
      }
    });
  }
}

/** Takes the histograms of a message into a table by name: {low, high, counts}. */
export function takeHistograms(table, content, buffer) {
  const numbers = floatsOf(buffer);
  const width = numbers.length / content.histograms.length;
  content.histograms.forEach((name, place) => {
    const [low, high, ...counts] = numbers.subarray(place * width, (place + 1) * width);
    table.set(name, { low, high, counts });
  });
}

/** What bars show, in words; empty where there are no values. */
export function histogramTitle(name, { low, high, counts }) {
  const most = Math.max(...counts);
  if (!(most > 0)) return "";
  const peak = low + ((counts.indexOf(most) + 0.5) / counts.length) * (high - low);
  return `values of ${name} from ${monitorNumber(low)} to ${monitorNumber(high)}, most near ${monitorNumber(peak)}`;
}

/** The newest value that is a number; NaN where there is none. */
export function newestValue(values) {
  for (let n = values.length - 1; n >= 0; n--) {
    if (!Number.isNaN(values[n])) return values[n];
  }
  return NaN;
}

/** The newest number of finite values, which is NaN where all elements were. */
export function newestOfValues(series, channel) {
  const { nan = [], [channel]: values } = series.values;
  for (let n = values.length - 1; n >= 0; n--) {
    if (!Number.isNaN(values[n]) || nan[n] > 0) return values[n];
  }
  return NaN;
}

/** A number in a few digits. */
export function monitorNumber(value, digits = 4) {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "Inf" : "-Inf";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e6)) {
    return value.toExponential(digits - 1).replace(/\.?0*e\+?/, "e");
  }
  return String(Number(value.toPrecision(digits)));
}

/** Seconds for people. */
export function monitorDuration(seconds) {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Round numbers between two others, at most so many. */
export function monitorTicks(low, high, most) {
  const raw = (high - low) / most;
  const base = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((k) => k * base).find((size) => size >= raw * 0.999);
  const ticks = [];
  for (let k = Math.ceil(low / step - 1e-9); k <= Math.floor(high / step + 1e-9); k++) {
    ticks.push(k * step || 0); // no -0
  }
  return ticks;
}

/** The least and greatest finite value of lists with some room around; [0, 1] without any. */
export function monitorRange(...lists) {
  let low = Infinity;
  let high = -Infinity;
  for (const list of lists) {
    for (const value of list) {
      if (Number.isFinite(value)) {
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
    }
  }
  if (low > high) return [0, 1];
  const room = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
  return [low - room, high + room];
}

/** Whether a curve is better read on a log scale: all above 0 and over two decades. */
export function suitsLogScale(values) {
  const finite = values.filter(Number.isFinite);
  const low = Math.min(...finite);
  return finite.length > 1 && low > 0 && Math.max(...finite) / low > 100;
}

/** Runs of neighbouring points that can be drawn: NaN and Inf interrupt a line. */
export function lineRuns(xs, ys) {
  const runs = [];
  let run = [];
  for (let n = 0; n < xs.length; n++) {
    if (Number.isFinite(ys[n])) {
      run.push([xs[n], ys[n]]);
    } else if (run.length) {
      runs.push(run);
      run = [];
    }
  }
  return run.length ? [...runs, run] : runs;
}
