import * as React from 'react';

export { React };
export { createRoot } from 'react-dom/client';
export * as door from '../../src/react/index.ts';
