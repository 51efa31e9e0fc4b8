"use strict";
{
  const source = document.getElementById("explorer-data");
  const app = document.getElementById("explorer-app");
  const [INDEX, END, TOKENS, NATURAL, ANSWER, CHOSEN, VERDICT] = [0, 1, 2, 3, 4, 5, 6];

  const unpack = async (text) => {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text());
  };

  // All text from data goes through textContent; nothing of it is ever parsed as HTML.
  const make = (tag, text = "", className = "") => {
    const element = document.createElement(tag);
    element.textContent = text;
    if (className) element.className = className;
    return element;
  };
  const fill = (select, options, chosen) => {
    select.replaceChildren(...options.map(([value, label]) => Object.assign(make("option", label), { value })));
    select.value = chosen;
    if (select.selectedIndex < 0) select.selectedIndex = 0;
  };
  const letter = (option) => String.fromCharCode(65 + option);
  const short = (text, longest) => (text.length > longest ? `${text.slice(0, longest)}…` : text);
  const commas = (number) => number.toLocaleString("en");

  const start = (data) => {
    const form = app.querySelector(".filters");
    const { model, group, outcome, flip, where, text } = form.elements;
    const picker = app.querySelector("[name=question]");
    const sample = app.querySelector("[name=sample]");
    const slider = app.querySelector("input[type=range]");
    const [article, strip] = [app.querySelector(".asked"), app.querySelector(".strip")];
    let found = [];
    let current = null;

    data.questions.forEach((question) => {
      // A cell that is 0 is as the one before.
      for (const [, samples] of Object.values(question.m))
        samples.forEach((one) => one.c.forEach((cell, i) => (one.c[i] = cell === 0 ? one.c[i - 1] : cell)));
    });
    const keyOf = (question) => `${data.groups[question.g].name}/${question.i}`;
    const training = (question) => data.groups[question.g].training;
    const cellsOf = (number) => data.models[number].cells;
    const tick = ([budget, count, cue], cues) => (count ? `+${count}${cues > 1 ? ` ${cue}` : ""}` : commas(budget));
    const label = ([budget, count, cue]) =>
      `${commas(budget)} tokens` + (count ? `, forced on ${count}× ${cue === data.no_cue ? "without a cue" : `by “${cue}”`}` : "");
    // Neighbouring cells: budget to budget, and from none to the counts of one cue.
    const pairs = (cells) => {
      const found = [];
      cells.forEach(([budget, count, cue], i) => {
        if (!i) return;
        let before = i - 1;
        if (count && cells[before][2] !== cue) before = cells.findIndex((cell) => cell[0] === budget && !cell[1]);
        if (before >= 0) found.push([before, i]);
      });
      return found;
    };
    const right = (cell) => cell && data.verdicts[cell[VERDICT]] === "right";

    // What can be chosen, and what the choice leaves.
    fill(model, data.models.map((one, i) => [i, `${one.name} (${one.label})`]), firstModel());
    fill(group, [["", "all benchmarks"], ...data.groups.map((one, i) => [i, one.training ? `${one.name} (training, with the teacher’s traces)` : one.name])], "");
    function firstModel() {
      const counts = data.models.map((_, i) => cellsOf(i).length);
      return app.dataset.lead ?? counts.indexOf(Math.max(...counts));
    }
    const inGroup = (question) => (group.value === "" ? !training(question) : question.g === Number(group.value));
    const outcomeOf = (question) =>
      training(question) ? (question.t[0]?.[1] ?? "") : (data.categories[question.m[model.value]?.[0]]?.[0] ?? "");
    const fillOutcomes = () => {
      const counts = new Map();
      data.questions.filter(inGroup).forEach((question) => {
        const name = outcomeOf(question);
        if (name) counts.set(name, (counts.get(name) ?? 0) + 1);
      });
      const named = data.categories.filter(([name]) => counts.has(name));
      const others = [...counts.keys()].filter((name) => !named.some(([known]) => known === name));
      const options = [...named, ...others.map((name) => [name, "teacher’s trace"])];
      fill(outcome, [["", "any"], ...options.map(([name, meaning]) => [name, `${name}: ${meaning} (${counts.get(name)})`])], outcome.value);
    };
    const fillWhere = () => {
      const cells = cellsOf(model.value);
      const named = pairs(cells).map(([a, b]) => [`${a}-${b}`, `${label(cells[a])} and ${label(cells[b])}`]);
      fill(where, [["", "any two neighbours"], ...named], where.value);
    };
    const flips = (question) => {
      const asked = where.value ? [where.value.split("-").map(Number)] : pairs(cellsOf(model.value));
      return (question.m[model.value]?.[1] ?? []).some(({ c }) =>
        asked.some(([a, b]) => c[a] && c[b] && right(c[a]) !== right(c[b]) && right(c[b]) === (flip.value === "up")));
    };
    const says = (question, wanted) => {
      const samples = question.m[model.value]?.[1] ?? [];
      const texts = [question.i, question.s, ...question.o, ...samples.flatMap((one) => [...one.t, ...one.a]), ...question.t.flatMap((lesson) => [lesson[3], lesson[4]])];
      return texts.some((one) => one.toLowerCase().includes(wanted));
    };
    const filter = () => {
      const wanted = text.value.trim().toLowerCase();
      flip.disabled = where.disabled = group.value !== "" && data.groups[group.value].training;
      found = data.questions.filter(
        (question) =>
          inGroup(question) &&
          (training(question) || question.m[model.value]) &&
          (!outcome.value || outcomeOf(question) === outcome.value) &&
          (!flip.value || flip.disabled || flips(question)) &&
          (!wanted || says(question, wanted)),
      );
      fill(picker, found.map((question, i) => [i, `${i + 1}. ${data.groups[question.g].name}: ${short(question.s.replace(/\s+/g, " "), 70)}`]), Math.max(0, found.indexOf(current)));
      app.querySelector(".found").textContent = found.length === 1 ? "1 question" : `${commas(found.length)} questions`;
      choose(found[Number(picker.value)] ?? null);
    };

    // The question, then one step of it.
    const choose = (question) => {
      const kept = question === current ? sample.value : "0";
      current = question;
      article.hidden = !question;
      app.querySelectorAll("[data-go]").forEach((button) => {
        const to = found.indexOf(question) + Number(button.dataset.go);
        button.disabled = to < 0 || to >= found.length;
      });
      if (!question) return;
      const [category, samples] = question.m[model.value] ?? [];
      const cells = samples ? cellsOf(model.value) : [];
      article.querySelector("h3").textContent = samples ? `${data.categories[category][0]}: ${data.categories[category][1]}` : "A training question";
      article.querySelector(".where").textContent = keyOf(question);
      article.querySelector(".stem").textContent = question.s;
      article.querySelector(".options").replaceChildren(...question.o.map((option, i) => {
        const item = make("li", "", i === question.r ? "gold" : "");
        item.append(make("bdi", option));
        if (i === question.r) item.append(" ", make("span", "right answer", "tag"));
        return item;
      }));
      fill(sample, (samples ?? []).map((_, i) => [i, i + 1]), kept);
      sample.parentElement.hidden = !samples || samples.length < 2;
      slider.max = Math.max(0, cells.length - 1);
      slider.value = cells.filter((cell) => !cell[1]).length - 1;
      slider.parentElement.hidden = cells.length < 2;
      for (const part of [".verdict", ".thinking", ".answer"]) article.querySelector(part).hidden = !samples;
      article.querySelector(".lessons").replaceChildren(...question.t.flatMap((lesson) => lessonOf(question, lesson)));
      showOthers(question);
      showSample();
    };
    const lessonOf = (question, [teacher, outcome, chosen, reasoning, answer]) => {
      const box = make("blockquote", reasoning);
      Object.assign(box, { dir: "auto", tabIndex: 0 });
      box.setAttribute("role", "region");
      box.setAttribute("aria-label", `Trace of the teacher ${teacher}`);
      const said = chosen >= 0 ? `${outcome}, chose ${letter(chosen)}` : outcome;
      const final = make("p", answer, "answer");
      final.dir = "auto";
      return [make("h4", `Teacher ${teacher}: ${said}`), box, final];
    };
    const showOthers = (question) => {
      const buttons = Object.entries(question.m).map(([number, [, samples]]) => {
        const button = make("button", data.models[number].name);
        const verdicts = samples[0].c.filter(Boolean).map((cell) => data.verdicts[cell[VERDICT]]);
        const bar = make("span", "", "bar");
        bar.append(...verdicts.map((verdict) => make("i", "", verdict)));
        button.append(bar);
        button.type = "button";
        button.setAttribute("aria-pressed", String(number === model.value));
        button.setAttribute("aria-label", `${data.models[number].name}: ${verdicts.at(-1) ?? "not measured"} in the end`);
        button.addEventListener("click", () => {
          model.value = number;
          modelChanged();
          app.querySelector(".others [aria-pressed=true]")?.focus();
        });
        return button;
      });
      app.querySelector(".others").replaceChildren(...(buttons.length > 1 ? buttons : []));
    };
    const showSample = () => {
      const samples = current.m[model.value]?.[1];
      if (!samples) return remember();
      const cells = cellsOf(model.value);
      const cues = new Set(cells.filter((cell) => cell[1]).map((cell) => cell[2])).size;
      strip.replaceChildren(...cells.map((cell, i) => {
        const measured = samples[sample.value].c[i];
        const part = make("span", tick(cell, cues), measured ? data.verdicts[measured[VERDICT]] : "");
        part.addEventListener("click", () => { slider.value = i; showStep(); });
        return part;
      }));
      strip.parentElement.style.setProperty("--steps", cells.length);
      showStep();
    };
    const showStep = () => {
      const step = Number(slider.value);
      const cells = cellsOf(model.value);
      const one = current.m[model.value][1][sample.value];
      const cell = one.c[step];
      const verdict = cell ? data.verdicts[cell[VERDICT]] : "not measured";
      [...strip.children].forEach((part, i) => part.classList.toggle("current", i === step));
      [...article.querySelectorAll(".options li")].forEach((item, i) => item.classList.toggle("chosen", cell?.[CHOSEN] === i));
      app.querySelector(".slider output").textContent = label(cells[step]);
      slider.setAttribute("aria-valuetext", `${label(cells[step])}: ${verdict}`);
      const line = article.querySelector(".verdict");
      line.className = `verdict ${verdict}`;
      line.replaceChildren(make("b", verdict), ` under ${label(cells[step])}` + (cell ? `, ${commas(cell[TOKENS])} used` : "") + (cell?.[CHOSEN] >= 0 ? `: chose ${letter(cell[CHOSEN])}` : ""));
      article.querySelector(".thinking").replaceChildren(...(cell ? thoughts(one, cells, step) : []));
      article.querySelector(".answer").textContent = cell ? one.a[cell[ANSWER]] || "(empty answer)" : "";
      remember();
    };
    const thoughts = (one, cells, step) => {
      const cell = one.c[step];
      if (cell[INDEX] < 0) return ["The thinking was not stored."];
      if (!cell[TOKENS] && !one.t[cell[INDEX]]) return ["No thinking."];
      const text = one.t[cell[INDEX]];
      const parts = [];
      let at = 0;
      one.w.filter(([index, , end]) => index === cell[INDEX] && cells[step][1] && end <= cell[END]).forEach(([, from, to]) => {
        const cue = make("mark", text.slice(from, to), "cue");
        cue.title = "forced";
        parts.push(text.slice(at, from), cue);
        at = to;
      });
      parts.push(text.slice(at, cell[END]));
      if (!cell[NATURAL]) parts.push(make("span", `✂ cut after ${commas(cell[TOKENS])} tokens`, "cut"));
      // How it goes on: under the largest budget, or where it is forced on more often.
      const after = one.c.filter((other, i) => other && other[INDEX] === cell[INDEX] && Boolean(cells[i][1]) === Boolean(cells[step][1]));
      const beyond = make("span", text.slice(cell[END], Math.max(...after.map((other) => other[END]))), "beyond");
      beyond.setAttribute("aria-hidden", "true");
      if (beyond.textContent) parts.push(beyond);
      if (cell[END] >= data.longest) parts.push(make("span", `shown up to ${commas(data.longest)} characters`, "cut"));
      return parts;
    };

    // What is chosen is in the address, to be passed on.
    let quiet = true;
    const remember = () => {
      if (quiet || !current) return;
      const chosen = new URLSearchParams({ question: keyOf(current) });
      if (current.m[model.value]) {
        chosen.set("model", data.models[model.value].name);
        chosen.set("step", slider.value);
        if (sample.value > 0) chosen.set("sample", sample.value);
      }
      try { history.replaceState(null, "", `#${chosen}`); } catch { /* a browser may limit how often */ }
    };
    const recall = () => {
      if (!location.hash.startsWith("#question=")) return false;
      const chosen = new URLSearchParams(location.hash.slice(1));
      const question = data.questions.find((one) => keyOf(one) === chosen.get("question"));
      if (!question) return false;
      const number = data.models.findIndex((one) => one.name === chosen.get("model"));
      if (number >= 0 && question.m[number]) model.value = number;
      [outcome.value, flip.value, text.value] = ["", "", ""];
      group.value = training(question) ? question.g : "";
      current = question;
      fillOutcomes();
      fillWhere();
      filter();
      if (question.m[model.value]) {
        sample.value = Math.min(Number(chosen.get("sample")) || 0, sample.options.length - 1);
        slider.value = chosen.has("step") ? Number(chosen.get("step")) : slider.value;
        showSample();
      }
      return true;
    };

    const modelChanged = () => { where.value = ""; fillOutcomes(); fillWhere(); filter(); };
    model.addEventListener("change", modelChanged);
    group.addEventListener("change", () => { outcome.value = ""; fillOutcomes(); filter(); });
    for (const select of [outcome, flip, where]) select.addEventListener("change", filter);
    let typing = 0;
    text.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(filter, 150); });
    form.addEventListener("submit", (event) => { event.preventDefault(); filter(); });
    picker.addEventListener("change", () => choose(found[Number(picker.value)]));
    app.querySelectorAll("[data-go]").forEach((button) =>
      button.addEventListener("click", () => {
        picker.value = found.indexOf(current) + Number(button.dataset.go);
        choose(found[Number(picker.value)]);
      }));
    sample.addEventListener("change", showSample);
    slider.addEventListener("input", showStep);
    addEventListener("hashchange", recall);

    app.hidden = false;
    if (!recall()) {
      // One whose answer changes says more than the first; of the benchmark that the findings are about, if there is one.
      const changing = data.questions.filter((question) => outcomeOf(question) === "compute");
      current = changing.find((question) => question.g === 0) ?? changing[0] ?? null;
      fillOutcomes();
      fillWhere();
      filter();
    }
    quiet = false;
  };

  if (source) {
    let begun = false;
    const open = async () => {
      if (begun) return;
      begun = true;
      try {
        start(await unpack(source.textContent));
      } catch (error) {
        app.hidden = false;
        app.replaceChildren(make("p", `These questions can't be unpacked here (${error.message}); a current browser can.`, "empty"));
        throw error;
      }
    };
    const linked = () => {
      if (location.hash.startsWith("#question=")) open().then(() => app.scrollIntoView());
    };
    new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && open(), { rootMargin: "1200px" })
      .observe(source.closest("section"));
    addEventListener("hashchange", linked);
    addEventListener("beforeprint", open);
    linked();
  }
}
