export * from './errors.ts';
export * from './constants.ts';
export { type Bundle, bundleCodec, decodeBundle, encodeBundle } from './certificate/bundle.ts';
