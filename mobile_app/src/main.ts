import { mount } from 'svelte'
import './app.css'
import App from './App.svelte'
import { resume } from './state/session.svelte'

resume()
mount(App, { target: document.getElementById('app')! })

if (import.meta.env.PROD && 'serviceWorker' in navigator) {
  window.addEventListener('load', () => void navigator.serviceWorker.register('sw.js').catch(() => undefined))
}
