/** A value that is being read: what is shown while waiting, when it failed, and when it is read again. */
import { sentence } from '../api/problem'

export class Loaded<T> {
  value = $state<T | null>(null)
  error = $state('')

  constructor(private readonly read: () => Promise<T>) {}

  /** Reads; keeps showing the old value when a later reading fails. */
  load = async (): Promise<void> => {
    try {
      this.value = await this.read()
      this.error = ''
    } catch (reason) {
      this.error = sentence(reason)
    }
  }

  /** From an error back to waiting. */
  retry = (): void => {
    this.error = ''
    void this.load()
  }
}
