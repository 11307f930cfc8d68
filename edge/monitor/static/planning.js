import { json } from "./api.js";

export async function offerPlanning() {
  try {
    await json("api/planning");
  } catch {
    return;
  }
}
