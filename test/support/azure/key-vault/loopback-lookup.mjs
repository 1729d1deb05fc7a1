/** To be preloaded: Azure's host names are on loopback. What is tested keeps its own way to connect. @module */
import dns from 'node:dns';

const AZURE_HOST = /\.(vault\.azure\.net|documents\.azure\.com)$/i;
const lookup = dns.lookup;

dns.lookup = (host, options, callback) => {
  const to = AZURE_HOST.test(host) ? '127.0.0.1' : host;
  return typeof options === 'function' ? lookup(to, options) : lookup(to, options, callback);
};
