export const START_PRICES = { BTC_USDT: 92_000, ETH_USDT: 3_100, SOL_USDT: 140, CRO_USDT: 0.1, XRP_USDT: 2.1 };

export const SYMBOLS = Object.keys(START_PRICES);
