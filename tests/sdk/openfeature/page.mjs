// What a page of the checks does with OpenFeature's web provider. Every function returns plain data.

/** A page's own provider: `{ start, change, values, ask, events, close }`. */
export function page({ OpenFeature, OFREPWebProvider }) {
  const events = [];
  let client;
  let provider;
  return {
    /** Makes the provider, and waits until it is ready or has failed; gives its status. */
    async start(baseUrl, key, context, further = {}) {
      provider = new OFREPWebProvider({ baseUrl, headers: [["X-API-Key", key]], ...further });
      await OpenFeature.setContext("check", context);
      client = OpenFeature.getClient("check");
      for (const event of ["PROVIDER_READY", "PROVIDER_ERROR", "PROVIDER_STALE", "PROVIDER_CONFIGURATION_CHANGED"]) {
        client.addHandler(event, (details) => events.push([event, details?.flagsChanged ?? null]));
      }
      const failed = await OpenFeature.setProviderAndWait("check", provider).then(() => null, (error) => `${error.message}`);
      return [client.providerStatus, failed];
    },
    async change(context) {
      await OpenFeature.setContext("check", context);
      return client.providerStatus;
    },
    /** The values of flags: `[type, name, default]` of each. */
    async values(asked) {
      return asked.map(([type, name, code]) => details(client, type, name, code).value);
    },
    async ask(type, name, code) {
      const { value, reason, variant, errorCode, flagMetadata } = details(client, type, name, code);
      return { value, reason: reason ?? null, variant: variant ?? null, errorCode: errorCode ?? null, flagMetadata };
    },
    async status() {
      return client.providerStatus;
    },
    /** What happened since the last call. */
    async events() {
      return events.splice(0);
    },
    async close() {
      await OpenFeature.clearProviders();
    },
  };
}

function details(client, type, name, code) {
  return client[`get${type[0].toUpperCase()}${type.slice(1)}Details`](name, code);
}
