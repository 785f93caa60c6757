const berths = [
  "Berth one is kept free for the pilot, who has never been known to use it.",
  "Berth four holds the dredger Patience, waiting for a part from Rotterdam.",
  "Berth seven is let to a cellist until the end of September.",
];
for (const berth of berths) {
  const line = document.createElement("p");
  line.textContent = berth;
  document.getElementById("board").append(line);
}
