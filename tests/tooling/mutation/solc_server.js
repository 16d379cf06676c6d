// The npm compiler as a server for one client: a line of standard JSON in, a line of its output out.
// Its web assembly is slow the first time, so a campaign asks one process again and again.
"use strict";
const fs = require("node:fs");
const readline = require("node:readline");

const solc = require(process.argv[2]);
readline.createInterface({ input: process.stdin, crlfDelay: Infinity }).on("line", (line) => {
  fs.writeFileSync(1, solc.compile(line) + "\n");
});
